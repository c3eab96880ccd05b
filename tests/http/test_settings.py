from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.serving import PROJECT
from weather.http.settings import LOOPBACK, BadSetting, Settings, read_settings, table, unknown_variables
from weather.serving.configuration import configuration

VARIABLES = [str(field.validation_alias) for field in Settings.model_fields.values()]

BAD = {"WEATHER_LOG_FORMAT": "yaml", "WEATHER_LAME_DUCK_SECONDS": "soon"}


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


def run(*command: str | Path, **environment: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_defaults() -> None:
    assert read_settings().model_dump() == {
        "lame_duck_seconds": 0,
        "api_keys_file": None,
        "cors_origins": (),
        "grpc_port": None,
        "grpc_host": LOOPBACK,
        "follow_latest": 0,
        "challenger": None,
        "challenger_share": 1,
        "log_format": "text",
        "forecast_log_rate": 0,
        "otlp_endpoint": None,
        "trace_rate": 1,
    }


def test_values_are_read_from_the_environment_and_an_empty_one_is_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WEATHER_LAME_DUCK_SECONDS", "2.5")
    monkeypatch.setenv("WEATHER_API_KEYS_FILE", "keys")
    monkeypatch.setenv("WEATHER_LOG_FORMAT", "")
    settings = read_settings()
    assert settings.lame_duck_seconds == 2.5
    assert settings.api_keys_file == Path("keys")
    assert settings.log_format == "text"


@pytest.mark.parametrize(
    ("value", "origins"),
    [
        ("*", ("*",)),
        (" https://example.org ", ("https://example.org",)),
        (
            "https://example.org,http://localhost:8080 http://[::1]:80",
            ("https://example.org", "http://localhost:8080", "http://[::1]:80"),
        ),
    ],
)
def test_origins_are_separated_by_blanks_or_commas(
    monkeypatch: pytest.MonkeyPatch, value: str, origins: tuple[str, ...]
) -> None:
    monkeypatch.setenv("WEATHER_CORS_ORIGINS", value)
    assert read_settings().cors_origins == origins


def test_a_dotenv_file_is_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("WEATHER_LOG_FORMAT=json\n")
    monkeypatch.chdir(tmp_path)
    assert read_settings().log_format == "text"


@pytest.mark.parametrize(
    ("variable", "values", "accepted"),
    [
        ("WEATHER_LAME_DUCK_SECONDS", ["soon", "-1", "nan", "1e9"], "seconds from 0 to 600"),
        ("WEATHER_LOG_FORMAT", ["yaml", "JSON"], "text or json"),
        (
            "WEATHER_CORS_ORIGINS",
            [
                "example.org",
                "https://example.org/",
                "https://Example.org",
                "null",
                "ftp://a",
                "https://*.org",
            ],
            "origins like https://example.org, or *",
        ),
        ("WEATHER_FOLLOW_LATEST", ["-1", "4000", "always"], "seconds from 0 to 3600"),
        (
            "WEATHER_CHALLENGER",
            ["4f1c", "weather-scaler:1", "weather-classifier:"],
            "weather-classifier:VERSION",
        ),
        ("WEATHER_CHALLENGER_SHARE", ["2", "half"], "a number from 0 to 1"),
        ("WEATHER_FORECAST_LOG_RATE", ["1.5", "-1", "nan", "much"], "a number from 0 to 1"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", ["collector:4318", "collector"], "an http or https URL"),
        ("OTEL_TRACES_SAMPLER_ARG", ["2", "inf"], "a number from 0 to 1"),
    ],
)
def test_a_bad_value_is_refused_with_its_name_and_what_is_accepted(
    monkeypatch: pytest.MonkeyPatch, variable: str, values: list[str], accepted: str
) -> None:
    for value in values:
        monkeypatch.setenv(variable, value)
        with pytest.raises(BadSetting) as caught:
            read_settings()
        assert str(caught.value) == f"{variable} is {value!r}: give {accepted}"


def test_a_variable_that_is_no_setting_is_named_with_the_one_that_is_meant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert unknown_variables() == []
    monkeypatch.setenv("WEATHER_LOG_FORMAT", "json")
    monkeypatch.setenv("weather_log_format", "json")  # pydantic takes it too
    monkeypatch.setenv("OTHER_LOG_FORMAT", "json")
    assert unknown_variables() == []
    misspelt, other = (f"WEATHER_{rest}" for rest in ("API_KEY_FILE", "ZZZ"))
    monkeypatch.setenv(misspelt, "keys")
    monkeypatch.setenv(other, "1")
    assert unknown_variables() == [
        f"{misspelt} is not a setting and has no effect; WEATHER_API_KEYS_FILE is one",
        f"{other} is not a setting and has no effect",
    ]


def test_every_bad_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in BAD.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(BadSetting) as caught:
        read_settings()
    assert all(variable in str(caught.value) for variable in BAD)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"WEATHER_LOG_FORMAT": "yaml"}, "WEATHER_LOG_FORMAT is 'yaml': give text or json"),
        (
            {"WEATHER_API_KEYS_FILE": ""},
            "WEATHER_API_KEYS_FILE is empty: give the path of a file, or unset it",
        ),
        ({"WEATHER_API_KEYS_FILE": "/none"}, "/none can't be read: [Errno 2] No such file or directory"),
    ],
)
def test_serve_ends_with_one_sentence(environment: dict[str, str], sentence: str, bentoml_home: Path) -> None:
    done = run("-m", "bentoml", "serve", ".", "--port", "0", BENTOML_HOME=bentoml_home, **environment)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"The service can't start: {sentence}")


@pytest.mark.parametrize(
    "command",
    [
        ["train_import.py", "--version"],
        ["-m", "weather.http.api_keys", "station-1"],
        ["-c", "import weather.contract.variables, weather.http.openapi"],
    ],
)
def test_a_bad_setting_stops_the_service_only(command: list[str]) -> None:
    done = run(*command, **BAD)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_documents_table_is_made_from_the_settings() -> None:
    assert table() in (PROJECT / "docs" / "settings.md").read_text()
    assert all(field.description for field in Settings.model_fields.values())


def test_every_variable_of_ours_is_a_setting() -> None:
    """In deployments, documents, tests and code alike: a name misspelt would be ignored without a word."""
    files = [*PROJECT.iterdir()]
    for folder in ("deploy", "docs", "loadtest", "tests", "weather"):
        files += (PROJECT / folder).rglob("*")
    texts = [file.read_text() for file in files if file.suffix in {".py", ".md", ".yaml", ".yml", ".j2"}]
    named = {name for text in texts for name in re.findall(r"\bWEATHER_[A-Z_]+\b", text)}
    assert named == {variable for variable in VARIABLES if variable.startswith("WEATHER_")}


def test_traces_are_on_only_with_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "tracing" not in configuration(read_settings())
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318/")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.25")
    tracing = configuration(read_settings())["tracing"]
    assert tracing["otlp"]["endpoint"] == "http://127.0.0.1:4318/v1/traces"
    assert tracing["sample_rate"] == 0.25
