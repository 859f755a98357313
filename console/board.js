// The board draws itself anew and calls when a new decision waits. It asks its own server alone. That the page is old is said by its style
// (#dead), which needs no script; here stand only the minutes.
"use strict";
(() => {
  const EVERY_MS = 20000, PATIENCE_MS = 15000, REMIND_ROUNDS = 3;
  const $ = (id) => document.getElementById(id);
  const sound = $("sound"), heard = $("heard"), state = $("refreshed");
  let drawn = Date.now(), audio = null, rounds = 0, loud = false, flashing = false, busy = false;
  let known = new Set(), fresh = new Set();

  const frame = () => { try { return window.top.document; } catch { return document; } };
  const outer = frame().title;
  const clock = () => new Date().toLocaleTimeString("zh-CN", { hour12: false });

  function ring() {
    if (!audio) return;
    for (const start of [0, 0.45, 0.9]) {
      const tone = audio.createOscillator(), gain = audio.createGain();
      tone.frequency.value = 880;
      gain.gain.value = 0.3;
      tone.connect(gain).connect(audio.destination);
      tone.start(audio.currentTime + start);
      tone.stop(audio.currentTime + start + 0.25);
    }
    sound.dataset.rang = Number(sound.dataset.rang) + 1;
  }

  function look() {
    const waiting = new Set([...document.querySelectorAll("#todo [data-ref]")].map((row) => row.dataset.ref));
    fresh = new Set([...waiting].filter((ref) => fresh.has(ref) || !known.has(ref)));
    if ([...waiting].some((ref) => !known.has(ref)) || (fresh.size && rounds % REMIND_ROUNDS === 0)) ring();
    known = waiting;
    heard.hidden = !fresh.size;
    flash();
  }

  function flash() {
    const plain = document.body.dataset.title;
    if (!fresh.size && !flashing) return;
    flashing = fresh.size > 0;
    loud = flashing && !loud;
    document.title = loud ? `【新的待签！】${plain}` : plain;
    if (frame() !== document) frame().title = flashing ? document.title : outer;
  }

  async function refresh() {
    if (busy) return;
    busy = true;
    try {
      const answer = await fetch("board", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const main = page.querySelector("main");
      if (!answer.ok || !main) throw new Error(answer.status === 401 || answer.redirected ? "请重新登录" : `服务器出错 ${answer.status}`);
      const opened = [...document.querySelectorAll("details[open][data-key]")].map((one) => one.dataset.key);
      document.querySelector("main").replaceWith(main);
      for (const one of main.querySelectorAll("details[data-key]")) one.open = opened.includes(one.dataset.key);
      document.title = document.body.dataset.title = page.title;
      drawn = Date.now();
      rounds += 1;
      state.className = "";
      state.textContent = `${clock()} 已刷新，每 20 秒一次`;
      look();
    } catch (why) {
      state.className = "bad";
      state.textContent = `${clock()} 刷新失败：${/登录|出错/.test(why.message) ? why.message : "服务器没有应答"}`;
    }
    busy = false;
  }

  sound.addEventListener("click", () => {
    if (audio) { audio.close(); audio = null; } else { audio = new AudioContext(); ring(); }
    sound.setAttribute("aria-pressed", String(Boolean(audio)));
    sound.textContent = audio ? "声响：开（有新的待签响三声，点此关）" : "声响：关（点此开启）";
  });
  heard.addEventListener("click", () => { fresh.clear(); heard.hidden = true; flash(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  document.body.dataset.title = document.title;
  $("bar").hidden = false;
  look();
  setInterval(refresh, EVERY_MS);
  setInterval(flash, 1000);
  setInterval(() => { const since = $("since"); if (since) since.textContent = Math.max(2, Math.floor((Date.now() - drawn) / 60000)); }, 5000);
})();
