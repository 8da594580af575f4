// Package pointer reads and changes values inside JSON text by JSON pointers (RFC
// 6901), such as /customer/email, and keeps every other byte as it was.
//
// Text is not decoded: numbers of any size, odd spacing and the order of names stay.
// Names are compared as they are meant, so that "\u0065mail" is "email". An object
// that has a name twice is changed at both places: which of the two a reader takes is
// the reader's choice.
package pointer
