// Package embedding measures what importing parts of the library adds to a program: the
// table of docs/embedding.md. programs has a program for each of its rows.
//
//	go test ./examples/embedding -cost -v
//
// builds them all, compares the table with what they are, and prints it anew.
package embedding
