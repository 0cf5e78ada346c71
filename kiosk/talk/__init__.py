"""The questions, truths and advice, as data and pure flow."""
