"""Asking the platforms: plain messages, pure rules about limits and retries, and one async shell."""
