"""What the world's people write: titles, questions and answers from small grammars, the same for the same dice."""

from __future__ import annotations

from random import Random

from hubbub.simulator.taxa import TAXA, Taxon

_PLACES = (
    "northern California", "Ohio", "Melbourne", "Münster, Germany", "Kraków", "São Paulo", "Ontario", "Kent, UK",
    "coastal Georgia", "the Ozarks", "Tōkyō", "Québec", "Cape Town", "Bengaluru", "Oaxaca", "rural Texas",
)  # fmt: skip
_SPOTS = (
    "in my bathtub", "on the kitchen counter", "under a flower pot", "on our bedroom wall", "in the basement",
    "by the porch light", "inside a bag of flour", "on my tomato plants", "crawling out of an old sofa",
    "in the garage", "behind the fridge", "on my windscreen", "in a rotten log", "on the dog's bed",
)  # fmt: skip
_SIZES = (
    "about 1 cm", "roughly 2.5 cm long", "the size of a quarter", "< 5 mm", "maybe 3/4 inch", "> 2 inches with legs",
    "as long as my thumb", "tiny, 2-3 mm", "thumbnail-sized",
)  # fmt: skip
_TITLES = (
    "What is this? Found {spot}, {place}",
    "Found {spot} … friend or foe?",
    "Can anybody ID this {size} critter? [{place}]",
    "Should I be worried? {place}, {size}",
    "This thing was {spot} & it did not want to leave 😅",
    "ID please: {place}, {size}",
    "My kid found this {spot} — what is it?",
    "Is this a {guess}?",
    "{guess} or something else? {place}",
    "Beautiful visitor {spot} 🐞",
    'Roommate says "{guess}", I say no. Help?',
    "Is it dangerous?? {spot}",
    "Que bicho é este? {place}",
    "Never seen one of these in {place} before",
)
_TALK_TITLES = (
    "How do I keep {guess}s out of the house without poison?",
    "Weekly thread: post your favourite find",
    "Which field guide for {place}?",
    "PSA: a {guess} is not a {other}",
    "Poll: scariest looking harmless bug",
)
_BODIES = (
    "Location: {place}\n\nSize: {size}\n\nFound it {spot}.",
    "It was {spot} this morning. {size}, *very* slow. I let it go outside.",
    "We just moved to {place} and see these {spot} daily. My landlord says: a {guess}, is that right?",
    "> {guess}\n\nis what the app told me, but the legs look wrong to me. It was {spot}.",
    "Details:\n\n* where: {place}\n* size: {size}\n* behaviour: jumped when touched\n\nThanks in advance! 🙏",
    "Sorry for the bad picture, my hands were shaking. It sat {spot} & looked at me. It's < 10 °C here.",
    "I have read [the wiki](https://example.org/id-guide?a=1&b=2) and still can't tell. **{size}**, {place}.",
)
_RIGHT = (
    "{Common}, *{sci}*.",
    "That's a {common} ({sci}).",
    "{sci}, a {common}. {harm}",
    "Looks like a {common} to me 👍",
    "100 % {common}. You can tell by the {part}.",
    "{Common}! {harm}",
    "Agree with {common}. We get hundreds of them in {place} every fall.",
    "> What is it?\n\nA {common} — *{sci}* & quite common.",
    "{sci} imo, see [this page](https://example.org/taxa?name={slug}&view=full)",
)
_WRONG = (
    "I think that's a {common}?",
    "Could be a {common}, the {part} look similar.",
    "{Common}, burn the house down 🔥",
    "{sci} maybe?",
)
_CHAT = (
    "Thank you so much!", "I was wondering the same, thanks", "lol", "Username checks out.", "+1", "Happy cake day! 🎂",
    "Do they bite?", "They don't. I've handled dozens.", "Got a picture of the underside?", "Where was this taken?",
    "Please don't kill it, they eat the bad ones.", "This. The {part} give it away.", "I stand corrected.",
    "No way, {place} doesn't have those", "Source? My guide says otherwise…", "It's < 1 % likely to be dangerous",
    "I released it outside, it seemed > happy <", "Can confirm, I'm an entomologist.", "Wow, so pretty 😍", "Eek",
    "How do I get rid of them?", "Vacuum & seal the gaps, that's all.", "Solved!", "Danke, das war's! 🪲",
    "~~Stink bug~~ edit: no, see below", "&gt; is how you quote, by the way", "It's a nymph, so the wings are missing.",
    "That's what my grandmother called a *devil's horse*.", "日本にもいますよ。", "¿Seguro? A mí me parece otra cosa.",
)  # fmt: skip
_PARTS = (
    "antennae",
    "long legs",
    "wing pattern",
    "pronotum",
    "eyes",
    "pincers",
    "white bands on the antennae",
    "abdomen",
)
_HARM = "Harmless, leave it be."
_DANGER = "Don't handle it with bare hands."


def _fill(template: str, dice: Random, *, taxon: Taxon, other: Taxon) -> str:
    return template.format(
        spot=dice.choice(_SPOTS),
        place=dice.choice(_PLACES),
        size=dice.choice(_SIZES),
        part=dice.choice(_PARTS),
        guess=(taxon if dice.random() < 0.4 else other).common,
        other=other.common,
        common=taxon.common,
        Common=taxon.common[:1].upper() + taxon.common[1:],
        sci=taxon.scientific,
        slug=taxon.scientific.replace(" ", "+"),
        harm=_HARM if taxon.harmless else _DANGER,
    )


def title(dice: Random, *, taxon: Taxon, question: bool) -> str:
    """A post's title; a `question` asks what an animal is, other posts talk."""
    return _fill(dice.choice(_TITLES if question else _TALK_TITLES), dice, taxon=taxon, other=dice.choice(TAXA))


def question(dice: Random, *, taxon: Taxon) -> str:
    """The text under a title, in Markdown."""
    return _fill(dice.choice(_BODIES), dice, taxon=taxon, other=dice.choice(TAXA))


def answer(dice: Random, *, claim: Taxon, right: bool) -> str:
    """A comment that names an animal, sure of itself when it is `right`."""
    text = _fill(dice.choice(_RIGHT if right else _WRONG), dice, taxon=claim, other=claim)
    return f"{text}\n\n{chat(dice, taxon=claim)}" if dice.random() < 0.25 else text


def chat(dice: Random, *, taxon: Taxon) -> str:
    """A comment that names no animal."""
    return _fill(dice.choice(_CHAT), dice, taxon=taxon, other=taxon)


def edit_note(dice: Random) -> str:
    """What an author adds when editing."""
    return dice.choice(
        ("\n\nEdit: solved, thanks everyone!", "\n\nEDIT: typo", "\n\n**Edit:** it's gone now & so am I")
    )


_FIRST = (
    "mantis", "bugfan", "leafy", "Thorax", "wingnut", "chitin", "ento", "larval", "Pupa", "dung_roller",
    "moth_mum", "garden", "attic", "Spiderling", "quiet", "northern", "rusty", "sleepy", "Kaefer", "old_oak",
)  # fmt: skip
_LAST = (
    "hunter", "watcher", "42", "_in_ohio", "Throwaway", "Lover", "nerd", "-id", "collector", "mom",
    "dad", "s_r_us", "Whisperer", "_99", "phile", "enjoyer", "Boi", "Scout", "_x_", "ette",
)  # fmt: skip


def name(dice: Random) -> str:
    """An account name: 3 to 20 letters, digits, _ and -."""
    made = dice.choice(_FIRST) + dice.choice(_LAST)
    return (made + str(dice.randrange(1000)) if dice.random() < 0.7 else made)[:20]
