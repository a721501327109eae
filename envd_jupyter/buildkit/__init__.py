"""Speaking to BuildKit: HTTP/2 frames, the relay, dialers, messages and the control client."""
