"""What several pictures share: style, layout, panels and labels."""
