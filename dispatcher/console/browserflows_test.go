package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// TestFlows does what people do, in a real browser with a real receiver: on a desktop in
// the light, and on a phone in the dark.
func TestFlows(t *testing.T) {
	t.Parallel()
	b := browser(t)
	for _, v := range []variant{variants[0], variants[3]} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			w := newLive(t)
			tab := w.tab(b, t, v, originOf(t, w.admin))
			tab.expect("422") // a form that is not valid is one, and the browser says so
			id := tab.creates(w)
			tab.verifies(w, id)
			tab.redelivers(w, v)
			tab.follows(w, id)
			tab.makesKeys()
			tab.quiet()
		})
	}
}

// creates makes a webhook in steps, tests and activates it, and looks at a delivery.
func (b *tab) creates(w *live) (id string) {
	b.t.Helper()
	path := "/ok/" + b.name
	b.open(prefix + "/")
	b.see("Send your first webhook")
	b.picture("flow-first")
	b.click("main .button.primary")
	b.fill("#f-url", "ftp://example.com/")
	b.click("button[value=next]")
	b.see("Endpoint must be a valid HTTPS URL.")
	b.picture("flow-bad-url")
	b.accessible("a form with a fault")
	if focused := eval[bool](b, "document.activeElement.matches('[data-focus]')"); !focused {
		b.t.Error("the focus is not on what is wrong")
	}
	b.fill("#f-url", w.receiver.URL+path)
	b.click("button[value=next]")
	b.see("Which events do you want?")
	b.fill("#f-find", "registered")
	b.wait("[...document.querySelectorAll('[data-group] li')].filter((li) => li.checkVisibility()).length === 1")
	b.picture("flow-events")
	b.click("input[value='user.registered']")
	b.see("1 chosen")
	b.accessible("the event selector")
	b.click("button[value=next]")
	b.see("Everything here has a good default")
	b.do(chromedp.SetValue("[name='auth.type']", "basic"))
	b.wait("document.getElementById('f-auth-username').checkVisibility()")
	b.do(chromedp.SetValue("[name='auth.type']", ""))
	b.picture("flow-security")
	b.accessible("security and delivery")
	b.click("button[value=create]")
	b.see("This is the only time that it is shown.")
	b.picture("flow-secret")
	b.accessible("the secret")
	b.wait("/ep_[0-9A-Z]{26}$/.test(location.pathname)") // loading it again shows no secret and creates nothing
	id = eval[string](b, "location.pathname.split('/').pop()")
	if secret := eval[string](b, "document.getElementById('the-secret').textContent"); !strings.HasPrefix(secret, "whsec_") {
		b.t.Errorf("%s: the secret is %q", b.name, secret)
	}
	b.click("main a.primary")
	b.see("What the endpoint answers is shown here")
	b.do(chromedp.SetValue("[name=event_type]", "user.registered"))
	// Twice, as who goes through the list with the keyboard: the last choice counts, and nothing is sent.
	eval[bool](b, "[1, 2].map(() => document.querySelector('[name=event_type]').dispatchEvent(new Event('change', {bubbles: true}))).length === 2")
	b.wait("document.querySelector('[name=payload]').value.includes('user_id')")
	b.do(chromedp.SetValue("[name=payload]", `{"user_id": 7}`))
	eval[bool](b, "document.querySelector('[name=payload]').dispatchEvent(new Event('input', {bubbles: true}))")
	b.see("/user_id Must be of type string.")
	b.picture("flow-payload")
	b.accessible("a payload with a fault")
	b.click("[data-example]")
	b.wait("document.querySelector('[name=payload]').value.includes('jane')")
	if got := w.receiver.last(path); got.body != "" {
		b.t.Errorf("%s: a test was sent before anybody asked for it: %s", b.name, got.body)
	}
	b.click("button[value=send]")
	b.see("Delivered.")
	b.see("Your endpoint works.")
	b.picture("flow-tested")
	b.accessible("the result of a test")
	if got := w.receiver.last(path); got.header.Get("Webhook-Signature") == "" || !strings.Contains(got.body, "jane") {
		b.t.Errorf("%s: the receiver got %+v", b.name, got)
	}
	b.click("#result button.primary")
	b.see("The webhook is active again.")
	b.wait("!location.search.includes('done')")
	w.publish("user.registered")
	w.settled(store.DeliveryFilter{Endpoint: id, Status: webhook.DeliveryDelivered}, 1)
	b.click("main a[href$='/deliveries']")
	b.click("main .table td a")
	b.see("Attempt 1")
	b.click("main .head button.primary")
	b.see("The delivery is on its way again.")
	w.attempts(id, 2)
	return id
}

// verifies pastes a request as it arrived, and one that was changed on its way.
func (b *tab) verifies(w *live, id string) {
	b.t.Helper()
	got := w.receiver.last("/ok/" + b.name)
	var headers []string
	for _, name := range []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"} {
		headers = append(headers, name+": "+got.header.Get(name))
	}
	b.open(prefix + "/" + id)
	paste := func(body string) {
		b.do(chromedp.SetValue("#v-headers", strings.Join(headers, "\n")), chromedp.SetValue("#v-body", body))
		b.click("#verifier form button")
	}
	paste(got.body)
	b.see("The signature is valid.")
	paste(strings.Replace(got.body, ":", ": ", 1))
	b.see("Look at the body.")
	b.picture("flow-verifier")
	b.accessible("the signature verifier")
	if http.StatusOK != eval[int](b, "performance.getEntriesByType('navigation')[0].responseStatus") {
		b.t.Error("the verifier has left the page")
	}
}

// redelivers sends all dead letters of a webhook of its own again.
func (b *tab) redelivers(w *live, v variant) {
	b.t.Helper()
	ep := w.create(webhook.Endpoint{URL: w.receiver.URL + "/broken/" + b.name, EventTypes: []string{"voice.*"}, Labels: []string{v.name}, Retry: webhook.RetryPolicy{Schedule: []time.Duration{0}}})
	for range 3 {
		w.publish("voice.completed")
	}
	w.settled(store.DeliveryFilter{Endpoint: ep.ID, Status: webhook.DeliveryFailed}, 3)
	b.open(prefix + "/" + ep.ID + "/deliveries?status=failed")
	b.click("main form.row button")
	b.see("Send 3 deliveries again?")
	b.picture("flow-redeliver")
	b.accessible("the question before a redelivery")
	b.click("main button.primary")
	b.see("3 of 3 are on their way again")
	b.wait("!document.querySelector('[data-poll]')")
	b.picture("flow-redelivery")
	b.accessible("the progress of a redelivery")
	b.open(prefix + "/dead-letters")
	b.see("Dead letters")
}

// follows sees a delivery appear in the live log by itself.
func (b *tab) follows(w *live, id string) {
	b.t.Helper()
	b.open(prefix + "/" + id + "/deliveries")
	b.see("Live: new deliveries appear by themselves.")
	before := eval[int](b, "document.querySelectorAll('#log tbody tr').length")
	w.publish("user.registered")
	b.wait(fmt.Sprintf("document.querySelectorAll('#log tbody tr').length === %d", before+1))
	b.picture("flow-live")
	b.accessible("the live log")
	b.open(prefix + "/history")
	b.click("main .table td a")
	b.see("Deliveries")
}

// makesKeys makes an API key and revokes it.
func (b *tab) makesKeys() {
	b.t.Helper()
	b.open(prefix + "/keys")
	b.fill("#f-name", "exporter")
	b.click("main form.panel button.primary")
	b.see("This is the only time that it is shown.")
	b.picture("flow-key")
	b.accessible("a new key")
	b.click("main .confirm summary")
	b.click("main .confirm button")
	b.see("The key is revoked.")
}

// TestKeyboard creates, tests, delivers and retries with the keyboard alone.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	b := browser(t)
	w := newLive(t)
	tab := w.tab(b, t, variants[0], originOf(t, w.admin))
	tab.open(prefix + "/")
	tab.see("Send your first webhook")
	tab.press("?")
	tab.wait("document.getElementById('shortcuts').open")
	tab.picture("keyboard-shortcuts")
	tab.accessible("the shortcuts")
	tab.press(kb.Escape)
	tab.wait("!document.getElementById('shortcuts').open")
	tab.press(kb.Tab)
	tab.press("c")
	tab.see("Where should we send events?")
	tab.tabTo("f-url")
	tab.press(w.receiver.URL + "/ok/keys")
	tab.press(kb.Enter)
	tab.see("Which events do you want?")
	tab.press("/")
	tab.wait("document.activeElement.id === 'f-find'")
	eval[string](tab, "document.activeElement.value = ''")   // the tool sends characters of keys that were prevented, too
	tab.wait("document.querySelector('[data-nojs]').hidden") // the selector listens
	tab.press("registered")
	tab.wait("document.querySelector('[value=\"user.registered\"]').checkVisibility()")
	tab.tabToMatch("[value='user.registered']")
	tab.press(" ")
	tab.see("1 chosen")
	tab.tabToMatch("[value=next]")
	tab.press(kb.Enter)
	tab.see("Everything here has a good default")
	tab.tabToMatch("[value=create]")
	tab.press(kb.Enter)
	tab.see("This is the only time that it is shown.")
	tab.wait("/ep_[0-9A-Z]{26}$/.test(location.pathname)")
	id := eval[string](tab, "location.pathname.split('/').pop()")
	tab.tabToMatch("a[href$='/test']")
	tab.press(kb.Enter)
	tab.see("What the endpoint answers is shown here")
	tab.tabToMatch("[value=send]")
	tab.press(kb.Enter)
	tab.see("Your endpoint works.")
	tab.tabToMatch("#result .primary")
	tab.press(kb.Enter)
	tab.see("The webhook is active again.")
	w.publish("user.registered")
	w.settled(store.DeliveryFilter{Endpoint: id, Status: webhook.DeliveryDelivered}, 1)
	tab.tabToMatch("main a[href$='/deliveries']")
	tab.press(kb.Enter)
	tab.wait("document.querySelector('.table [data-entry]')")
	tab.press("j")
	tab.wait("document.activeElement.closest('[data-entry]')")
	tab.press(kb.Enter)
	tab.see("Attempt 1")
	tab.tabToMatch(".head .primary")
	tab.press(kb.Enter)
	tab.see("The delivery is on its way again.")
	w.attempts(id, 2)
	tab.press("g")
	tab.press("o")
	tab.wait("document.querySelector('.card')")
	tab.quiet()
}

// press types keys, once the page listens to them.
func (b *tab) press(keys string) {
	b.t.Helper()
	b.wait("document.querySelector('[data-shortcuts]')?.hidden === false")
	b.do(chromedp.KeyEvent(keys))
}

func (b *tab) tabTo(id string) { b.t.Helper(); b.tabToMatch("#" + id) }

// tabToMatch presses Tab until what a selector matches has the focus, which it must show.
func (b *tab) tabToMatch(selector string) {
	b.t.Helper()
	for range 200 { // more than any page has to stop at
		b.press(kb.Tab)
		if eval[bool](b, "document.activeElement.matches("+quoted(selector)+")") {
			if eval[string](b, "getComputedStyle(document.activeElement).outlineStyle") == "none" {
				b.t.Errorf("nothing shows that %s has the focus", selector)
			}
			return
		}
	}
	b.t.Fatalf("Tab does not lead to %s; the page is\n%.1500s", selector, b.text())
}

// TestThemeSwitch changes the theme by hand, which stays.
func TestThemeSwitch(t *testing.T) {
	t.Parallel()
	b := browser(t)
	w := newLive(t)
	tab := w.tab(b, t, variants[1], originOf(t, w.admin))
	tab.open(prefix + "/")
	background := "getComputedStyle(document.body).backgroundColor"
	dark := eval[string](tab, background)
	tab.click("[data-theme-switch]")
	light := eval[string](tab, background)
	if dark == light {
		t.Errorf("the switch changes nothing: %s", dark)
	}
	tab.open(prefix + "/events")
	if got := eval[string](tab, background); got != light {
		t.Errorf("on the next page the background is %s; want %s, as it was chosen", got, light)
	}
	tab.quiet()
}
