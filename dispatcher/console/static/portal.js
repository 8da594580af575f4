// Trades the token of a link, which is after its "#", for a session. It is taken out of the
// address first, so that neither address bar nor history nor a copy of the address has it.
export default async function portal(form) {
  const token = decodeURIComponent(location.hash.slice(1));
  if (!token) return;
  history.replaceState(null, '', location.pathname + location.search);
  form.elements.token.value = token;
  if ('ask' in form.dataset) return; // somebody else is signed in: they press the button
  form.hidden = true;
  try {
    const answer = await fetch(form.action, { method: 'POST', body: new URLSearchParams({ token }), redirect: 'manual' });
    if (answer.type === 'opaqueredirect') {
      location.replace(form.dataset.portal);
      return;
    }
  } catch { /* the form says what is wrong */ }
  form.submit();
}
