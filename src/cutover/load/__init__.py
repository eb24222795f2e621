"""Load with an open arrival model: schedules, the client, the ledger of every request, statistics, gates, verdict."""
