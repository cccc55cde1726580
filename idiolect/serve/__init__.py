"""The gateway: an OpenAI-compatible server that answers each person in their own way, and shows them what is known of them."""
