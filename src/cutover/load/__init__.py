"""Load runs: profiles, journeys, thresholds, and the verdict on the ledger of all requests."""
