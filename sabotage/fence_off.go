//go:build postrider_no_fence

package sabotage

// NoFence settles deliveries that others have taken over.
const NoFence = true
