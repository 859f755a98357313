"""What is told of readings before they are stored: units and datums derived, doubts with reasons, a person's correction."""
