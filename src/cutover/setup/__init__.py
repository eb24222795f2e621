"""First steps with a deployment: `cutover init` drafts its configuration, `cutover doctor` says what is missing."""
