"""Planning: which worker measures what, how often networks run, and what a run costs."""
