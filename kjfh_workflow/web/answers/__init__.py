"""What the service answers with: one module for each subject. Names and shapes here are a promise to other programs."""
