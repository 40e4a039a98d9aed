//! What must hold on every page, on every screen; and a picture of it.

use std::path::Path;

use serde_json::Value;
use testkit::webdriver::{Screen, Window};

use super::environment;

/// Answers a list of what is wrong with the page.
const FAULTS: &str = r"
const faults = [];
const fault = (what, element) =>
  faults.push(what + (element ? ': ' + element.outerHTML.slice(0, 160) : ''));
const all = selector => [...document.querySelectorAll(selector)];
const shown = element => element.getClientRects().length > 0;

// Nothing is wider than the screen.
if (document.documentElement.scrollWidth > window.innerWidth) fault('wider than the screen');
for (const element of all('body *'))
  if (shown(element) && element.getBoundingClientRect().right > window.innerWidth + 1)
    fault('beyond the right edge', element);

// Structure that a screen reader tells.
if (document.documentElement.lang !== 'en') fault('no language');
if (!document.title.trim()) fault('no title');
for (const selector of ['h1', 'header', 'main'])
  if (all(selector).length !== 1) fault(all(selector).length + ' times ' + selector);
let level = 0;
for (const heading of all('h1, h2, h3, h4')) {
  const its = Number(heading.tagName[1]);
  if (its > level + 1) fault('a level of headings is left out', heading);
  if (!heading.textContent.trim()) fault('an empty heading', heading);
  level = its;
}
for (const input of all('input:not([type=hidden]):not([hidden])')) {
  if (input.labels.length !== 1 || !input.labels[0].textContent.trim())
    fault('an input without its label', input);
  if (input.type !== 'checkbox' && !input.autocomplete) fault('no autocomplete', input);
}
for (const element of all('[aria-describedby], [aria-labelledby]'))
  for (const name of ['aria-describedby', 'aria-labelledby'])
    for (const id of (element.getAttribute(name) || '').split(' ').filter(Boolean))
      if (!document.getElementById(id)) fault('no element ' + id, element);
const ids = all('[id]').map(element => element.id);
if (new Set(ids).size !== ids.length) fault('an id twice: ' + ids);
for (const element of all('button, a, summary'))
  if (!element.textContent.trim()) fault('nothing to read out', element);
for (const alert of all('.problem, .wrong'))
  if (alert.getAttribute('role') !== 'alert') fault('an error that is not announced', alert);
if (all('script, img, iframe, object, [style], [onclick], [onload]').length) fault('active content');

// What is pressed is as large as a finger.
for (const element of all('button, .button, summary, .choice, .field input')) {
  const box = element.getBoundingClientRect();
  if (shown(element) && (box.height < 43.5 || box.width < 43.5)) fault('too small to press', element);
}

// Contrast: WCAG 2.2, 1.4.3, level AA.
const channels = colour => colour.match(/[\d.]+/g).map(Number);
const luminance = ([r, g, b]) => {
  const [x, y, z] = [r, g, b].map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const ground = element => {
  for (; element; element = element.parentElement) {
    const colour = channels(getComputedStyle(element).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
};
const ratio = (one, two) => {
  const [dark, light] = [luminance(one), luminance(two)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node; (node = walker.nextNode());) {
  const element = node.parentElement;
  if (!node.textContent.trim() || !shown(element)) continue;
  const found = ratio(channels(getComputedStyle(element).color), ground(element));
  if (found < 4.5) fault('contrast ' + found.toFixed(2), element);
}
for (const element of all('.field input, button, .button, .choice')) {
  const style = getComputedStyle(element);
  const edge = channels(style.borderTopColor);
  if (!shown(element) || edge[3] === 0) continue;
  const best = Math.max(ratio(edge, ground(element.parentElement)), ratio(ground(element), ground(element.parentElement)));
  if (best < 3) fault('edge ' + best.toFixed(2), element);
}
return faults;
";

pub(crate) async fn look(window: &Window<'_>, screen: Screen, page: &str) {
    let faults = window.run(FAULTS).await;
    assert_eq!(
        faults,
        Value::Array(Vec::new()),
        "{page} on the {}",
        screen.name
    );
    let ground = "return getComputedStyle(document.body).backgroundColor";
    let expected = if screen.is_dark {
        "rgb(16, 22, 20)"
    } else {
        "rgb(241, 244, 242)"
    };
    assert_eq!(window.run(ground).await, expected, "{page} {}", screen.name);
    if let Some(folder) = environment("COUNTERSIGN_PICTURES") {
        let file = Path::new(&folder).join(format!("{page}-{}.png", screen.name));
        std::fs::write(file, window.picture().await).unwrap();
    }
}
