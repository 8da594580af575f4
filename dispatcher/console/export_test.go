package console

// Routes returns how many routes there are.
func Routes() int { return len((&console{}).routes()) }
