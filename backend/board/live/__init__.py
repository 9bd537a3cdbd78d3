"""What keeps a screen that stays open true."""
