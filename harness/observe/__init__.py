"""Observing a training loop from outside: its model calls, losses, gradients and updates."""
