"""The folder that an export leaves: its card, the card for people, recorded examples, its files."""
