"""From words to jobs: composed, resolved, checked before any trains."""
