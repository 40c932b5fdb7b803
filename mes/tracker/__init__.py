"""What was heard becomes what is true (process `mes track`)."""
