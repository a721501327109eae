"""One build: its request, driver process, events, state, record and result."""
