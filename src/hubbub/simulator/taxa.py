"""The animals the world's people ask about: what each is called, and how it is drawn."""

from __future__ import annotations

import msgspec


class Taxon(msgspec.Struct, frozen=True):
    """One kind of animal, with the names people use for it."""

    common: str
    scientific: str
    group: str
    """beetle, bug, moth, fly, wasp, cricket, spider, myriapod, other: decides the drawing and the wording."""
    colour: str
    """Colour of the drawn body, as #rrggbb."""
    harmless: bool = True


TAXA: tuple[Taxon, ...] = (
    Taxon("brown marmorated stink bug", "Halyomorpha halys", "bug", "#7a6148"),
    Taxon("western conifer seed bug", "Leptoglossus occidentalis", "bug", "#8a4b2d"),
    Taxon("masked hunter", "Reduvius personatus", "bug", "#3b3431"),
    Taxon("wheel bug", "Arilus cristatus", "bug", "#6f6a63", harmless=False),
    Taxon("boxelder bug", "Boisea trivittata", "bug", "#2d2524"),
    Taxon("spotted lanternfly", "Lycorma delicatula", "bug", "#a8958c"),
    Taxon("bed bug", "Cimex lectularius", "bug", "#8b3a2b", harmless=False),
    Taxon("bat bug", "Cimex pilosellus", "bug", "#8f4436", harmless=False),
    Taxon("carpet beetle", "Anthrenus verbasci", "beetle", "#b09a72"),
    Taxon("black carpet beetle larva", "Attagenus unicolor", "beetle", "#5a3a22"),
    Taxon("Asian lady beetle", "Harmonia axyridis", "beetle", "#d9692a"),
    Taxon("seven-spotted ladybird", "Coccinella septempunctata", "beetle", "#cf2f1f"),
    Taxon("Japanese beetle", "Popillia japonica", "beetle", "#3f6b3a"),
    Taxon("figeater beetle", "Cotinis mutabilis", "beetle", "#4f8a3d"),
    Taxon("eyed click beetle", "Alaus oculatus", "beetle", "#333333"),
    Taxon("devil's coach horse", "Ocypus olens", "beetle", "#1e1b1a"),
    Taxon("bess beetle", "Odontotaenius disjunctus", "beetle", "#211815"),
    Taxon("drugstore beetle", "Stegobium paniceum", "beetle", "#96592f"),
    Taxon("luna moth", "Actias luna", "moth", "#a6cf8d"),
    Taxon("hummingbird hawk-moth", "Macroglossum stellatarum", "moth", "#9c7b52"),
    Taxon("cecropia moth", "Hyalophora cecropia", "moth", "#8c4a3a"),
    Taxon("spongy moth caterpillar", "Lymantria dispar", "moth", "#6b5a4d"),
    Taxon("tobacco hornworm", "Manduca sexta", "moth", "#78a84a"),
    Taxon("Indian meal moth", "Plodia interpunctella", "moth", "#a88a63"),
    Taxon("house crane fly", "Tipula paludosa", "fly", "#9a8668"),
    Taxon("marmalade hoverfly", "Episyrphus balteatus", "fly", "#d99a2b"),
    Taxon("drain fly", "Clogmia albipunctata", "fly", "#77706a"),
    Taxon("robber fly", "Asilus crabroniformis", "fly", "#8f6a2f"),
    Taxon("European hornet", "Vespa crabro", "wasp", "#b5651d", harmless=False),
    Taxon("cicada killer", "Sphecius speciosus", "wasp", "#7a3b1d"),
    Taxon("red velvet ant", "Dasymutilla occidentalis", "wasp", "#b8261b", harmless=False),
    Taxon("giant ichneumon wasp", "Megarhyssa macrurus", "wasp", "#7d4a20"),
    Taxon("spotted camel cricket", "Diestrammena asynamora", "cricket", "#8d6f4f"),
    Taxon("Jerusalem cricket", "Ammopelmatus fuscus", "cricket", "#b2713f"),
    Taxon("northern mole cricket", "Neocurtilla hexadactyla", "cricket", "#6d5238"),
    Taxon("house centipede", "Scutigera coleoptrata", "myriapod", "#b39b72"),
    Taxon("greenhouse millipede", "Oxidus gracilis", "myriapod", "#4a332a"),
    Taxon("earwig", "Forficula auricularia", "other", "#7a4527"),
    Taxon("silverfish", "Lepisma saccharinum", "other", "#a9adb0"),
    Taxon("antlion larva", "Myrmeleon formicarius", "other", "#8b7d6b"),
    Taxon("bold jumping spider", "Phidippus audax", "spider", "#23211f"),
    Taxon("wolf spider", "Hogna carolinensis", "spider", "#6e5a44"),
    Taxon("yellow garden spider", "Argiope aurantia", "spider", "#d2b21f"),
    Taxon("false widow", "Steatoda grossa", "spider", "#4c2f33"),
    Taxon("southern black widow", "Latrodectus mactans", "spider", "#141112", harmless=False),
    Taxon("brown recluse", "Loxosceles reclusa", "spider", "#a97c50", harmless=False),
    Taxon("giant house spider", "Eratigena atrica", "spider", "#7c664d"),
    Taxon("cellar spider", "Pholcus phalangioides", "spider", "#c0b49c"),
    Taxon("spined micrathena", "Micrathena gracilis", "spider", "#3d3630"),
    Taxon("cross orbweaver", "Araneus diadematus", "spider", "#a8703a"),
)


def of_groups(*groups: str) -> tuple[int, ...]:
    """Positions in TAXA of these groups; of every group when none is named."""
    return tuple(i for i, taxon in enumerate(TAXA) if not groups or taxon.group in groups)
