// What pages do beyond HTML and htmx: stream answers, fill in a suggestion, and change the colours without a reload.
"use strict";

document.documentElement.classList.add("js");

const answerTo = (section) => section.querySelector(".said");

function messages(section, question) {
  const turns = [];
  const follow = document.getElementById("follow");
  if (follow && follow.checked) {
    const place = [...section.parentElement.children].indexOf(section);
    for (const turn of document.querySelectorAll(".turn")) {
      const answer = turn.querySelectorAll(".answer")[place];
      if (turn.contains(section)) break;
      if (!answer || answer.dataset.user !== section.dataset.user || answer.dataset.done === undefined) continue;
      turns.push({ role: "user", content: turn.querySelector(".question").textContent });
      turns.push({ role: "assistant", content: answerTo(answer).textContent });
    }
  }
  return [...turns, { role: "user", content: question }];
}

function said(section, text) {
  const line = document.createElement("p");
  line.className = "notice";
  line.textContent = text;
  section.querySelector(".tools").replaceChildren(line);
}

async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const whole = (waiting + value).split("\n\n");
    waiting = whole.pop();
    for (const one of whole) {
      if (one.startsWith("data: ") && one !== "data: [DONE]") yield JSON.parse(one.slice(6));
    }
  }
}

async function stream(section, question) {
  const place = answerTo(section);
  const stop = new AbortController();
  const button = document.createElement("button");
  button.className = "quiet stop";
  button.textContent = "Stop";
  button.addEventListener("click", () => stop.abort());
  section.querySelector(".tools").replaceChildren(button);
  section.classList.add("speaking");
  let reply = "";
  try {
    const body = { model: section.dataset.model, messages: messages(section, question), stream: true, max_tokens: Number(section.dataset.most) };
    if (section.dataset.user) body.user = section.dataset.user;
    const response = await fetch("/v1/chat/completions", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal: stop.signal,
    });
    if (!response.ok) throw new Error((await response.json()).error.message);
    button.remove();
    section.querySelector(".tools").append(button);
    for await (const event of events(response)) {
      if (event.error) throw new Error(event.error.message);
      reply = event.id;
      place.textContent += event.choices[0]?.delta?.content ?? "";
    }
    section.dataset.done = "";
    button.remove();
    if (section.dataset.user) await htmx.ajax("GET", `/replies/${encodeURIComponent(reply)}/tools`, section.querySelector(".tools"));
  } catch (error) {
    said(section, error.name === "AbortError" ? "Stopped." : `${error.message}.`);
  } finally {
    section.classList.remove("speaking");
    place.setAttribute("aria-busy", "false");
  }
}

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id !== "thread") return;
  const turn = document.getElementById("thread").lastElementChild;
  const question = turn.querySelector(".question").textContent;
  document.getElementById("notice").replaceChildren();
  document.getElementById("question").value = "";
  turn.scrollIntoView({ block: "start" });
  turn.querySelectorAll(".answer[data-model]").forEach((section) => stream(section, question));
});

document.addEventListener("htmx:afterSettle", (event) => { // what was pressed is gone with what it stood in: go on from there
  if (document.activeElement !== document.body || event.detail.requestConfig?.verb !== "post") return;
  event.detail.elt.tabIndex = -1;
  event.detail.elt.focus({ preventScroll: true });
});

document.addEventListener("click", (event) => {
  const chip = event.target.closest("[data-question]");
  if (chip && !event.metaKey && !event.ctrlKey) {
    event.preventDefault();
    const box = document.getElementById("question");
    box.value = chip.dataset.question;
    box.focus();
  }
  const theme = event.target.closest(".theme button");
  if (theme) {
    event.preventDefault();
    document.documentElement.dataset.theme = theme.value;
    document.cookie = `theme=${theme.value}; path=/; max-age=31536000; samesite=lax`;
    for (const one of document.querySelectorAll(".theme button")) one.setAttribute("aria-pressed", String(one === theme));
  }
});

document.addEventListener("keydown", (event) => {
  if (event.target.id === "question" && event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});

const secret = document.getElementById("secret");
if (secret && location.hash.length > 1) { // a link made for a person: what follows # is sent to nobody and logged nowhere
  secret.value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname + location.search);
}
