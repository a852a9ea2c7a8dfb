"""HTTP: a small Starlette application on uvicorn, inside our own event loop."""
