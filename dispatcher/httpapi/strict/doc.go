// Package strict reads the JSON of request bodies, and refuses what two readers could
// take for different things: names that come twice or differ in case only, names that
// nobody knows, data behind the value, text that is not UTF-8. What encoding/json would
// let pass, or bend until it fits, is an error here.
//
// The rules stop at fields of type json.RawMessage: their bytes are checked as JSON
// grammar and kept as they are, 1e400, duplicate names and all.
package strict
