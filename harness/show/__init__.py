"""From what `harness.analyse` found to what a person looks at: text, curves, pages."""
