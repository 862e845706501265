from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from hubbub.config.load import Loaded, Places, load
from hubbub.errors import ConfigError
from tests.shared import FAULTS, needs_shared


def loaded(folder: Path, *, environ: Mapping[str, str] | None = None, **more: object) -> Loaded:
    return load(Places(environ=environ or {}, folder=folder, **more))  # type: ignore[arg-type]


def refused(folder: Path, **more: object) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, **more)  # type: ignore[arg-type]
    return str(caught.value)


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    assert loaded(tmp_path).settings.home == "./hubbub-data"
    assert loaded(tmp_path).origins == {}


def test_a_flag_beats_env_beats_dotenv_beats_profile_beats_project_file_beats_user_file(tmp_path: Path) -> None:
    project, user = tmp_path / "project", tmp_path / "user"
    project.mkdir()
    user.mkdir()
    (user / "config.toml").write_text('home = "user"\n')
    assert loaded(project, user_folder=user).settings.home == "user"
    (project / "hubbub.toml").write_text('home = "file"\n[profiles.testing]\nhome = "profile"\n')
    assert loaded(project, user_folder=user).settings.home == "file"
    assert loaded(project, user_folder=user, profile="testing").settings.home == "profile"
    (project / ".env").write_text("HUBBUB_HOME=dotenv\n")
    assert loaded(project, user_folder=user, profile="testing").settings.home == "dotenv"
    environ = {"HUBBUB_HOME": "env"}
    assert loaded(project, user_folder=user, profile="testing", environ=environ).settings.home == "env"
    found = loaded(project, user_folder=user, profile="testing", environ=environ, flags={"home": "flag"})
    assert found.settings.home == "flag"
    assert found.origins["home"] == "--home"


def test_a_file_named_on_the_command_line_is_read_alone(tmp_path: Path) -> None:
    (tmp_path / "hubbub.toml").write_text('[log]\nformat = "json"\n')
    chosen = tmp_path / "mine.yaml"
    chosen.write_text("home: elsewhere\n")
    found = loaded(tmp_path, file=chosen)
    assert (found.settings.home, found.settings.log.format) == ("elsewhere", "text")


def test_environment_reaches_into_sections_and_files_of_secrets(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from-a-file\n")
    environ = {"HUBBUB_REDDIT__CLIENT_ID": "id", "HUBBUB_REDDIT__CLIENT_SECRET_FILE": str(secret)}
    values, base_url = loaded(tmp_path, environ=environ).source_values("reddit")
    assert values == {"client_id": "id", "client_secret": "from-a-file"}
    assert base_url is None


def test_base_url_is_told_apart_from_the_values(tmp_path: Path) -> None:
    values, base_url = loaded(tmp_path, environ={"HUBBUB_REDDIT__BASE_URL": "http://127.0.0.1:1"}).source_values(
        "reddit"
    )
    assert (values, base_url) == ({}, "http://127.0.0.1:1")


def test_a_section_of_an_installed_source_is_taken_as_text(tmp_path: Path) -> None:
    (tmp_path / "hubbub.toml").write_text('[lemmy]\ninstance = "x"\npages = 3\n')
    values, _ = loaded(tmp_path, sources=("lemmy",)).source_values("lemmy")
    assert values == {"instance": "x", "pages": "3"}
    assert "unknown setting 'lemmy'" in refused(tmp_path)


def test_secrets_are_masked_when_settings_are_shown(tmp_path: Path) -> None:
    found = loaded(tmp_path, environ={"HUBBUB_REDDIT__PASSWORD": "canary-4711"})
    assert "canary-4711" not in repr(found) + str(found.settings) + found.settings.model_dump_json()


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        (
            "hubbub.toml",
            'home = "x"\n[reddit]\nclient_di = "y"\n',
            ["hubbub.toml:3", "reddit.client_di", "reddit.client_id"],
        ),
        ("hubbub.toml", '[redit]\nclient_id = "y"\n', ["hubbub.toml:2", "'redit'", "'reddit'"]),
        ("hubbub.toml", '[profiles.testing.log]\nlevle = "info"\n', ["hubbub.toml:2", "log.levle", "log.level"]),
        ("hubbub.toml", "home = [\n", ["hubbub.toml", "TOML"]),
        ("hubbub.toml", 'home = "a"\nhome = "b"\n', ["hubbub.toml", "TOML"]),
        ("hubbub.toml", '[media]\nmax_bytes = "lots"\n', ["hubbub.toml:2", "media.max_bytes", "integer"]),
        ("hubbub.toml", 'reddit = "me"\n', ["hubbub.toml:1", "reddit", "section"]),
        ("hubbub.yaml", "log:\n  format: xml\n", ["hubbub.yaml:2", "log.format", "'text' or 'json'"]),
        ("hubbub.yaml", "- a\n- b\n", ["hubbub.yaml:1", "key: value"]),
        ("hubbub.yaml", "a: " + "[" * 200 + "]" * 200, ["hubbub.yaml:1", "deep"]),
        ("hubbub.toml", "a." * 300 + "b = 1", ["hubbub.toml", "deep"]),
    ],
)
def test_a_bad_file_is_refused_with_its_place(tmp_path: Path, *, name: str, text: str, says: list[str]) -> None:
    (tmp_path / name).write_text(text)
    message = refused(tmp_path)
    assert all(word in message for word in says), message


def test_a_bad_variable_is_refused_by_its_name(tmp_path: Path) -> None:
    message = refused(tmp_path, environ={"HUBBUB_REDDIT__CLIENTID": "x"})
    assert "HUBBUB_REDDIT__CLIENTID" in message
    assert "reddit.client_id" in message


def test_no_value_of_a_secret_is_in_an_error(tmp_path: Path) -> None:
    (tmp_path / "hubbub.toml").write_text('[reddit]\npassword = ["canary-4711"]\n')
    assert "canary-4711" not in refused(tmp_path)


def test_an_unknown_profile_is_refused_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "hubbub.toml").write_text('[profiles.laptop]\nhome = "x"\n')
    assert "'laptop'" in refused(tmp_path, profile="latop")
    assert loaded(tmp_path, profile="production").settings.home == "./hubbub-data"


def test_a_missing_config_file_is_refused(tmp_path: Path) -> None:
    assert "none.toml" in refused(tmp_path, file=tmp_path / "none.toml")


def yaml_cases() -> list[tuple[str, str]]:
    path = FAULTS / "text" / "strings.json"
    if not path.is_file():
        return []
    rows = json.loads(path.read_text())["rows"]
    return [(row["id"], row["text"]) for row in rows if row["kind"] == "yaml" and row["where"] == "config"]


@needs_shared
@pytest.mark.parametrize(("case", "text"), yaml_cases())
def test_hostile_yaml_is_refused_with_line_and_nothing_made(
    tmp_path: Path, *, case: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hubbub.yaml").write_text(text)
    message = refused(tmp_path)
    assert "hubbub.yaml:" in message, case
    assert [path.name for path in tmp_path.iterdir()] == ["hubbub.yaml"]
    expected = {"yaml-tab-indent": "yaml:2", "yaml-dup-key": "'database'", "yaml-python-object": "yaml:1:1"}
    assert expected.get(case, "") in message


def test_words_of_yaml_stay_words(tmp_path: Path) -> None:
    (tmp_path / "hubbub.yaml").write_text("lemmy:\n  communities: [no, on, 1e3, 0x1F, 12:30]\n  instance: yes\n")
    values, _ = loaded(tmp_path, sources=("lemmy",)).source_values("lemmy")
    assert values == {"communities": "['no', 'on', '1e3', '0x1F', '12:30']", "instance": "yes"}


def test_every_setting_the_reddit_login_reads_may_be_set(tmp_path: Path) -> None:
    environ = {"HUBBUB_REDDIT__DEVICE_ID": "a-device-of-my-own-24-ch", "HUBBUB_REDDIT__SCOPE": "read history"}
    values, _ = loaded(tmp_path, environ=environ).source_values("reddit")
    assert values == {"device_id": "a-device-of-my-own-24-ch", "scope": "read history"}
