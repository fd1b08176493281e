"""What plugins are lent, and what is accepted back: copies, compared afterwards, and answers in range."""
