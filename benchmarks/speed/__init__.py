"""Parts of the comparison of simulators: what runs in processes of its own, and what puts the numbers together."""
