"""The connection to the MQTT broker: receives reports, publishes forecasts, reconnects."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import aiomqtt

from stations import metrics
from stations.conversions import named
from stations.ingestion import Ingestion
from stations.mqtt import discovery
from stations.mqtt.mapping import Mapped, match
from stations.reports import Refused, Report
from stations.settings import Settings
from stations.store.access import Database, DatabaseFailed, TooManyPending
from stations.store.reading import newest_forecasts

log = logging.getLogger("stations.mqtt")

CLIENT_ID = "rain-forecast-stations"
"""The broker keeps messages for this client while it is disconnected."""

QOS = 1
FIRST_PAUSE = 0.5
MAX_PAUSE = 30.0
ALL = None


class Bridge:
    """Subscribes to the mapping's topics, and publishes the newest forecast of each station.

    A message is acknowledged when its report is on disk or has been refused. Until then the broker keeps it,
    and sends it again if the service ends. Forecasts are read from the database when they are published, and
    those of all stations at each new connection. So nothing is lost while the broker is unreachable, and a
    late forecast of an old hour does not replace a newer one.
    """

    def __init__(
        self, ingestion: Ingestion, database: Database, settings: Settings, mapping: Sequence[Mapped]
    ) -> None:
        self.ingestion = ingestion
        self.database = database
        self.settings = settings
        self.mapping = mapping
        self.changed: set[str] | None = ALL
        self.bell = asyncio.Event()
        self.announced: set[str] = set()
        self.last: dict[str, int] = {}
        # The label creates the series, so services without a broker have none that could raise an alarm.
        self.connected = metrics.mqtt_connected.labels(urlsplit(settings.mqtt_url).hostname)

    async def forecast(self, made: Sequence[Mapping[str, Any]]) -> None:
        """Publish the forecasts of these stations; the forwarder's listener."""
        if self.changed is not None:
            self.changed.update(row["station"] for row in made)
        self.bell.set()

    async def run(self) -> None:
        """Stay connected until cancelled."""
        pause = FIRST_PAUSE
        while True:
            try:
                async with connection(self.settings) as client:
                    log.info("Connected to the MQTT broker")
                    pause = FIRST_PAUSE
                    await self._serve(client)
            except aiomqtt.MqttError as error:
                log.warning("No connection to the MQTT broker: %s", error)
            except (DatabaseFailed, TooManyPending) as error:
                log.error("Not stored, so the broker will send it again: %r", error)
            self.connected.set(0)
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - no secret
            pause = min(MAX_PAUSE, 2 * pause)

    async def _serve(self, client: Acknowledging) -> None:
        self.announced.clear()
        self.changed = ALL
        self.bell.set()
        prefix = self.settings.mqtt_prefix
        await client.publish(discovery.status_topic(prefix), "online", qos=QOS, retain=True)
        publishing = asyncio.create_task(self._publish(client))
        receiving = asyncio.create_task(self._receive(client))
        try:
            done, _ = await asyncio.wait({publishing, receiving}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except asyncio.CancelledError:
            # The broker sends the will only if the connection breaks.
            await client.publish(discovery.status_topic(prefix), "offline", qos=QOS, retain=True)
            raise
        finally:
            for task in (publishing, receiving):
                task.cancel()
            await asyncio.gather(publishing, receiving, return_exceptions=True)

    async def _receive(self, client: Acknowledging) -> None:
        for mapped in self.mapping:
            await client.subscribe(mapped.topic, qos=QOS)
        self.connected.set(1)  # only now: at the first connection the broker drops messages sent before
        async for message in client.messages:
            report = self._report(message)
            if report is not None:
                await self.ingestion.store([report])
            client.acknowledge(message)

    def _report(self, message: aiomqtt.Message) -> Report | None:
        """The message's report; None if it is to be ignored or is invalid, which is logged."""
        mapped = match(self.mapping, message.topic)
        if mapped is None:  # from a subscription of an earlier mapping, which the broker has kept
            return None
        try:
            record = mapped.record(message.topic.value, bytes(message.payload))
            if "time" not in record:
                if message.retain:  # sent before this connection, at an unknown time
                    return None
                record["time"] = self._arrival(record["station"])
            report = named.parse(record, time.time(), "mqtt", self.ingestion.elevation)
            return self.ingestion.check(report)
        except Refused as error:
            metrics.refused_reports.labels("mqtt").inc()
            log.warning("A message of %s was not taken: %s", message.topic.value[:100], error)
            return None
        except Exception:
            # Not raised, because the broker would send the message again after each restart.
            metrics.refused_reports.labels("mqtt").inc()
            log.exception("A message of %s failed, and was not taken", message.topic.value[:100])
            return None

    def _arrival(self, station: str) -> int:
        """The time of arrival in whole seconds, different for each message of a station.

        Of two reports with the same time only the first would be kept.
        """
        self.last[station] = max(int(time.time()), self.last.get(station, 0) + 1)
        return self.last[station]

    async def _publish(self, client: Acknowledging) -> None:
        while True:
            await self.bell.wait()
            self.bell.clear()
            changed, self.changed = self.changed, set()
            for row in await self.database.read(newest_forecasts, changed):
                await self._announce(client, row["station"], row["name"])
                topic = discovery.state_topic(self.settings.mqtt_prefix, row["station"])
                await client.publish(topic, discovery.state(row), qos=QOS, retain=True)

    async def _announce(self, client: Acknowledging, station: str, name: str | None) -> None:
        if not self.settings.mqtt_discovery_prefix or station in self.announced:
            return
        messages = discovery.configurations(
            self.settings.mqtt_discovery_prefix, self.settings.mqtt_prefix, station, name
        )
        for topic, message in messages.items():
            await client.publish(topic, message, qos=QOS, retain=True)
        self.announced.add(station)


class Acknowledging(aiomqtt.Client):
    """A client with manual acknowledgement, which paho has and aiomqtt does not expose."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._client.manual_ack_set(True)

    def acknowledge(self, message: aiomqtt.Message) -> None:
        """Tell the broker that it need not send the message again."""
        self._client.ack(message.mid, message.qos)


def connection(settings: Settings) -> Acknowledging:
    """A client for the configured broker, with a persistent session."""
    address = urlsplit(settings.mqtt_url)
    secure = address.scheme == "mqtts"
    return Acknowledging(
        hostname=address.hostname or "127.0.0.1",
        port=address.port or (8883 if secure else 1883),
        username=unquote(address.username) if address.username else None,
        password=unquote(address.password) if address.password else None,
        tls_params=aiomqtt.TLSParameters() if secure else None,
        identifier=CLIENT_ID,
        clean_session=False,
        will=aiomqtt.Will(discovery.status_topic(settings.mqtt_prefix), "offline", qos=QOS, retain=True),
        max_queued_incoming_messages=0,
    )
