"""Receives reports of weather stations, requests forecasts for them, and verifies these forecasts."""
