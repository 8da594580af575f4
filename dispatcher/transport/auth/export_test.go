package auth

// MaxSources is how many sources are remembered at least.
const MaxSources = maxSources

// Sources returns how many sources of tokens a keeps.
func Sources(a *Authenticator) int {
	a.sources.mu.Lock()
	defer a.sources.mu.Unlock()
	return len(a.sources.recent) + len(a.sources.past)
}
