"""MQTT: reports from a broker, forecasts to it, and Home Assistant's discovery."""
