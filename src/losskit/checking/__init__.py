"""Attacks on any loss, ours or another library's: `check_loss`, its coded findings and what they say."""
