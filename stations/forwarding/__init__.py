"""From queued hours to stored forecasts."""
