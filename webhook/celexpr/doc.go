// Package celexpr has the filters and transforms of endpoints in the Common Expression
// Language (https://cel.dev). A host that wants them sets
// dispatcher.Config.Expressions to New(); nobody else links CEL.
//
// A filter is true or false of an event:
//
//	data.total > 100 && data.currency in ["EUR", "CHF"]
//	has(data.customer) && data.customer.tier == "gold"
//	type.startsWith("invoice.") && metadata.region == "eu"
//
// It sees type, data (the payload) and metadata (a map of strings). A transform sees
// type and data, and its value takes the data's place:
//
//	{"id": data.id, "lines": data.lines.map(l, l.sku)}
//
// The language is CEL's standard library, but for bytes, whose values JSON does not
// have, and with regular expressions (matches) only as literals. What is missing is an
// error, so a filter on a field that not all events have begins with has(…).
//
// # Numbers
//
// Whole numbers of 64 bits are exact, as int or, above the greatest of those, uint; they
// compare with each other and with doubles as numbers. All other numbers are doubles,
// also whole numbers of more than 64 bits: two that differ in their 17th digit may be
// equal. A number that no double can hold, such as 1e400, is an error for a filter or
// transform that looks at it. Objects and arrays that a transform passes on are
// copied as they were written, with such numbers in them; a number that it names itself
// is written anew, 1.10 as 1.1.
//
// # Bounds
//
// An expression costs a bounded number of steps, each of which is a bounded amount of
// work, and its values are bounded in size, so that no expression takes more than some
// 10 milliseconds and a few megabytes, whatever it is and whatever the event has in it.
// What reaches a bound fails (webhook.ErrTooCostly). The same event always gives
// the same result: names are gone over in the order of the event, and written in theirs.
package celexpr
