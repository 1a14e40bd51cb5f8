"""Who is asking, and what they may do: tokens, sessions, roles, login, rate limits, secure headers, the audit log."""
