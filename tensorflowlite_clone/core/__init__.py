"""The tape and everything that carries it; no operation is defined here."""
