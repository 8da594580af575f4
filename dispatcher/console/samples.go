package console

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/postrider/postrider/webhook"
)

// sample is code for those who receive an event.
type sample struct{ ID, Name, Note, Code string }

// samplesOf returns how to send a test of an event type, and how to receive it. The name
// of a type has no character that means anything in any of the languages.
func samplesOf(t *webhook.EventType) []sample {
	fill := strings.NewReplacer("EVENT_TYPE", t.Name)
	return []sample{
		{"curl", "curl", "Has a test sent to one of your webhooks, by the management API.", curlSample(t)},
		{"go", "Go", "Verifies with our own package; go get github.com/postrider/postrider.", fill.Replace(goSample)},
		{"node", "Node", "Verifies with the library of Standard Webhooks; npm install standardwebhooks.", fill.Replace(nodeSample)},
		{"python", "Python", "Verifies with the library of Standard Webhooks; pip install standardwebhooks.", fill.Replace(pythonSample)},
	}
}

func curlSample(t *webhook.EventType) string {
	payload := t.Example
	if len(payload) == 0 {
		payload = json.RawMessage(`{}`)
	}
	body := fmt.Sprintf(`{"event_type":"%s","payload":%s}`, t.Name, payload)
	return "curl \"$API_URL/webhooks/$WEBHOOK_ID/test\" \\\n  -H \"Authorization: Bearer $API_KEY\" \\\n  -H 'Content-Type: application/json' \\\n  -d '" +
		strings.ReplaceAll(body, "'", `'\''`) + "'\n"
}

const goSample = `package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"

	"github.com/postrider/postrider/signer"
)

func main() {
	verifier, err := signer.NewVerifier(os.Getenv("WEBHOOK_SECRET"))
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("POST /webhooks", verifier.Middleware(http.HandlerFunc(receive)))
	log.Fatal(http.ListenAndServe(":8080", nil))
}

func receive(w http.ResponseWriter, r *http.Request) {
	var event struct {
		Type string
		Data json.RawMessage
	}
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
		http.Error(w, "not an event", http.StatusBadRequest)
		return
	}
	if event.Type == "EVENT_TYPE" {
		log.Printf("%s: %s", signer.ID(r.Context()), event.Data) // the id is the same if it comes again
	}
	w.WriteHeader(http.StatusNoContent)
}
`

const nodeSample = `import { createServer } from 'node:http';
import { Webhook } from 'standardwebhooks';

const webhook = new Webhook(process.env.WEBHOOK_SECRET);

createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString('utf8');
  try {
    webhook.verify(body, request.headers);
  } catch {
    response.writeHead(401).end();
    return;
  }
  const event = JSON.parse(body);
  if (event.type === 'EVENT_TYPE') {
    console.log(request.headers['webhook-id'], event.data); // the id is the same if it comes again
  }
  response.writeHead(204).end();
}).listen(8080);
`

const pythonSample = `import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["WEBHOOK_SECRET"])


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            webhook.verify(body, headers)
        except WebhookVerificationError:
            self.send_response(401)
            self.end_headers()
            return
        event = json.loads(body)
        if event["type"] == "EVENT_TYPE":
            print(headers["webhook-id"], event["data"])  # the id is the same if it comes again
        self.send_response(204)
        self.end_headers()


HTTPServer(("", 8080), Receiver).serve_forever()
`
