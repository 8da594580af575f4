package main

import (
	"bytes"
	"strconv"
	"strings"
)

// An event's data is {"n":"0000000042","text":"…"}: its number, so that the
// receiver knows it, and as much text as makes up the size. A longer payload has
// some text that is not ASCII.
const (
	digits     = 10
	numberKey  = `"n":"`
	beforeText = `","text":"`
	minPayload = len(`{`) + len(numberKey) + digits + len(beforeText) + len(`"}`)
)

const eventType = "load.event"

// payloads makes data of one size.
type payloads struct{ head, tail string }

func newPayloads(size int) payloads {
	const words = "The quick brown fox; Zażółć gęślą jaźń; 速い茶色の狐. "
	room := size - minPayload
	text := strings.Repeat(words, room/len(words))
	text += strings.Repeat("x", room-len(text))
	return payloads{head: "{" + numberKey, tail: beforeText + text + `"}`}
}

// of returns the data of one event.
func (p payloads) of(event int) []byte {
	b := make([]byte, 0, len(p.head)+digits+len(p.tail))
	b = append(b, p.head...)
	number := strconv.Itoa(event)
	b = append(b, "0000000000"[:digits-len(number)]...)
	b = append(b, number...)
	return append(b, p.tail...)
}

// eventNumber finds the number in the body of a request, or returns -1.
func eventNumber(body []byte) int {
	i := bytes.Index(body, []byte(numberKey))
	if i < 0 || len(body) < i+len(numberKey)+digits {
		return -1
	}
	i += len(numberKey)
	n, err := strconv.Atoi(string(body[i : i+digits]))
	if err != nil {
		return -1
	}
	return n
}
