"""A sweep as text, as rows for programs, and as one picture."""
