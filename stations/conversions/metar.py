"""METAR and SPECI reports (WMO code FM 15, FM 16; US remarks of FMH-1), decoded by the package ``metar``.

| field | from | unit |
|---|---|---|
| temperature | group ``10/08``; its tenths from the remark ``T01020082`` | °C |
| humidity | dew point of the same groups, see ``moisture`` | °C → 1 |
| wind speed | ``24012KT``, ``MPS``, ``KMH``; ``P99KT`` is its lower end | → km/h |
| wind bearing | the same; ``VRB`` has none, a calm (``00000KT``) has none | degree |
| visibility | statute miles (``1 1/2SM``, ``M1/4SM``), metres; ``9999`` and ``CAVOK`` are 10 km | → km |
| pressure at sea level | remark ``SLP132``, else ``A2992`` (inHg) or ``Q1013`` (hPa) | → hPa |
| rain | present weather with RA or DZ | 0, 1 |

``A`` and ``Q`` are altimeter settings: reduced by the standard atmosphere, they may differ from SLP by 1
to 2 hPa. Groups that contain RA or DZ are rain, such as SHRA, TSRA, FZDZ and RASN. SN and TS alone, ``VCSH``
(in the vicinity) and ``RERA`` (recent) are not rain. Rain is unknown if the weather is ``//`` or ``UP``. It
is also unknown if no precipitation is reported and the remarks contain ``PWINO`` or ``AO1``: such a station
can't identify precipitation or has no sensor for it.

A report contains only the day of the month. It is taken as the latest such day that is not more than one day
after the reference time.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from metar.Metar import Metar, ParserError

from stations.contract import BEARING, PRESSURE, RAIN, VISIBILITY
from stations.conversions.moisture import humidity
from stations.reports import Report, checked_station, checked_time, refused, within_limits

WHEN = re.compile(r"\b(\d\d)(\d\d)(\d\d)Z\b")
REPORT_ENDS = re.compile(
    r"=|(?<!METAR)(?<!SPECI)\n(?=(?:(?:METAR|SPECI|COR)\s+)*[A-Z][A-Z0-9]{3} (?:COR )?[0-9]{6}Z)"
)
"""An equals sign, or a new line on which another report begins."""

MAX_LENGTH = 1000
SLP = re.compile(r"\bSLP(\d\d\d)\b")
BLIND = {"PWINO", "AO1", "A01"}
"""Remarks of stations that can't detect or identify precipitation; A01 is a common misspelling of AO1."""

CORRECTIONS = re.compile(r"COR|CORR|CC[A-G]|COR AUTO")


def split(text: str) -> list[str]:
    """Split a text into reports; lines that begin with # are skipped.

    Without any ``=`` each line is a report. Otherwise a report may have several lines, and ends at ``=`` or
    where the next one begins.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if any("=" in line for line in lines):
        parts = REPORT_ENDS.split("\n".join(lines))
        return [" ".join(part.split()) for part in parts if part.strip()]
    return [" ".join(line.split()) for line in lines]


def parse(text: str, now: float, reference: float | None = None) -> Report:
    """Decode one METAR; ``reference`` is its approximate time in Unix seconds (default: now).

    Raises:
        Refused: it can't be decoded, or a value is out of range.
    """
    if len(text) > MAX_LENGTH or not text.isascii():
        raise refused("metar", f"a METAR is ASCII text of up to {MAX_LENGTH} characters", "metar_invalid")
    moment = _moment(text, now if reference is None else reference)
    try:
        decoded: Any = Metar(text, month=moment.month, year=moment.year, strict=True)
    except ParserError as error:
        reason = " ".join(str(error).split())[:300]
        raise refused("metar", f"the METAR can't be decoded: {reason}", "metar_invalid") from None
    if decoded.station_id is None or decoded.mod == "NO DATA":
        raise refused(
            "metar", "the METAR has no station, or says that there is no report (NIL)", "metar_invalid"
        )
    notes: list[str] = []
    values = _values(decoded, text, notes)
    if values.keys() <= {RAIN}:  # in a METAR without other groups, no weather group does not mean dry
        raise refused("metar", "the METAR has none of the values that a forecast needs", "metar_invalid")
    correction = bool(decoded.correction) or CORRECTIONS.fullmatch(decoded.mod) is not None
    return Report(
        station=checked_station(decoded.station_id),
        time=checked_time(moment.timestamp(), now),
        source="metar",
        values=within_limits(values),
        notes=tuple(notes),
        correction=correction,
    )


def _moment(text: str, reference: float) -> datetime:
    """The report's time: the latest with its day, hour and minute, up to one day after the reference.

    The day of tolerance makes a station whose clock is ahead get an error about its clock. Without it, its
    report would be dated one month back.
    """
    match = WHEN.search(text)
    if match is None:
        raise refused("time", "the METAR has no time such as 311951Z", "metar_invalid")
    day, hour, minute = map(int, match.groups())
    latest = datetime.fromtimestamp(reference, UTC) + timedelta(days=1)
    year, month = latest.year, latest.month
    for _ in range(3):
        if 1 <= day <= calendar.monthrange(year, month)[1] and hour < 24 and minute < 60:
            moment = datetime(year, month, day, hour, minute, tzinfo=UTC)
            if moment <= latest:
                return moment
        before = datetime(year, month, 1, tzinfo=UTC) - timedelta(days=1)
        year, month = before.year, before.month
    raise refused("time", f"{match.group()} is not a time in the last months", "metar_invalid")


def _values(decoded: Any, text: str, notes: list[str]) -> dict[str, float]:
    values: dict[str, float] = {}
    if decoded.temp is not None:
        values["temp_c"] = decoded.temp.value("C")
        if decoded.dewpt is not None:
            try:
                values["humidity"] = humidity(values["temp_c"], decoded.dewpt.value("C"))
            except ValueError as error:
                raise refused("humidity", str(error)) from None
    if decoded.wind_speed is not None:
        values["wind_speed_kmph"] = decoded.wind_speed.value("KMH")
        if decoded.wind_dir is not None and values["wind_speed_kmph"] > 0:
            values[BEARING] = decoded.wind_dir.value()
    # The package reads "////" as 10 km.
    if decoded.vis is not None and not re.search(r"(^| )/{4}(NDV)? ", text.partition(" RMK")[0]):
        values[VISIBILITY] = decoded.vis.value("KM")
    pressure = _pressure(decoded, text, notes)
    if pressure is not None:
        values[PRESSURE] = pressure
    rain = _rain(decoded, text, notes)
    if rain is not None:
        values[RAIN] = rain
    return values


def _pressure(decoded: Any, text: str, notes: list[str]) -> float | None:
    """Pressure at sea level in hPa; None if the report has none.

    SLP omits the hundreds. The value nearest to the altimeter setting is taken, or without one that from 950
    to 1050 hPa.
    """
    altimeter = None if decoded.press is None else float(decoded.press.value("HPA"))
    remark = SLP.search(text.partition(" RMK")[2])
    if remark:
        tenths = int(remark.group(1)) / 10
        usual = tenths + (1000 if tenths < 50 else 900)
        if altimeter is None:
            return usual
        return min((tenths + 900, tenths + 1000), key=lambda hpa: abs(hpa - altimeter))
    if altimeter is not None:
        notes.append("pressure is the altimeter setting; the report has no sea-level pressure (SLP)")
    return altimeter


def _rain(decoded: Any, text: str, notes: list[str]) -> float | None:
    unknown = falls = False
    for intensity, _, precipitation, _, other in decoded.weather:
        here = "VC" not in (intensity or "")
        if here and re.search("RA|DZ", precipitation or ""):
            return 1.0
        unknown |= here and ("UP" in (precipitation or "") or "/" in f"{precipitation}{other}")
        falls |= here and bool(precipitation)
    if unknown or (not falls and not BLIND.isdisjoint(text.split())):
        notes.append("whether it rains is unknown: the station reports no or an unknown precipitation type")
        return None
    return 0.0
