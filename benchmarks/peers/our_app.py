"""Our ASGI application without BentoML's server, so that any ASGI server can run it."""

from service import RainForecast

app = RainForecast.to_asgi()
