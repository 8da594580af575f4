// Package expression compiles the filters and transforms of endpoints once, and keeps
// what it has compiled, in bounded memory, for all endpoints that have the same.
package expression
