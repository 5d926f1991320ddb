#!/usr/bin/env python3
"""Golden data for chat templates: what `transformers` makes of conversations with templates of usual kinds.

    python3 -m venv venv && venv/bin/pip install torch==2.15.0 transformers==5.24.0
    venv/bin/python scripts/golden-templates.py

writes crates/vf-model/src/template/golden.json, which the unit tests of `template.rs` compare with: text and tokens
of each conversation. The templates are written for this purpose, in the manner of published ones; the tokenizer has
the 256 bytes and the templates' markers.
"""

import json
from pathlib import Path

import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

OUT = Path(__file__).resolve().parent.parent / "crates/vf-model/src/template/golden.json"

TEMPLATES = {
    "chatml": ("<|im_start|>", "<|im_end|>", """\
{%- for message in messages %}
<|im_start|>{{ message.role }}
{{ message['content'] }}<|im_end|>
{% endfor -%}
{% if add_generation_prompt %}
<|im_start|>assistant
{% endif %}"""),
    "llama3": ("<|begin_of_text|>", "<|eot_id|>", """\
{{- bos_token }}
{%- set today = strftime_now("%d %b %Y") if strftime_now is defined else "no day" %}
{%- for message in messages %}
    {%- if loop.first and message.role == 'system' %}
        {{- '<|start_header_id|>system<|end_header_id|>\\n\\nToday is ' ~ (today | length) ~ ' long.\\n' }}
        {{- message.content | trim ~ '<|eot_id|>' }}
    {%- else %}
        {{- '<|start_header_id|>' ~ message.role ~ '<|end_header_id|>\\n\\n' ~ message.content | trim ~ '<|eot_id|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"""),
    "mistral": ("<s>", "</s>", """\
{%- set state = namespace(system='', turn=0) %}
{%- if messages[0]['role'] == 'system' %}
    {%- set state.system = messages[0]['content'] + '\\n\\n' %}
    {%- set messages = messages[1:] %}
{%- endif %}
{{- bos_token }}
{%- for message in messages %}
    {%- if (message.role == 'user') != (loop.index0 is even) %}
        {{- raise_exception('user and assistant must take turns') }}
    {%- endif %}
    {%- if message.role == 'user' %}
        {%- if loop.last %}
            {{- '[INST] ' + state.system + message.content + '[/INST]' }}
        {%- else %}
            {{- '[INST] ' + message.content + '[/INST]' }}
        {%- endif %}
    {%- else %}
        {{- ' ' + message.content.strip() + eos_token }}
    {%- endif %}
{%- endfor %}"""),
    "deepseek": ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", """\
{%- if add_generation_prompt is not defined %}{% set add_generation_prompt = false %}{% endif %}
{%- macro turn(name, text) -%}
{{ name }}: {{ text }}
{%- endmacro -%}
{{ bos_token }}
{%- for m in messages -%}
    {%- if m.role == 'system' -%}{{ m.content }}{{ '\\n\\n' }}
    {%- elif m.role == 'user' -%}{{ turn('User', m.content) }}{{ '\\n\\n' }}
    {%- elif m.role == 'assistant' -%}{{ turn('Assistant', m.content) }}{{ eos_token }}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ 'Assistant:' }}{%- endif -%}"""),
    "phi3": ("<s>", "<|endoftext|>", """\
{% for m in messages %}{% if m['role'] in ['system', 'user', 'assistant'] %}{{ '<|' + m['role'] + '|>\\n' + m['content'] + '<|end|>\\n' }}{% endif %}{% endfor %}\
{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% else %}{{ eos_token }}{% endif %}"""),
    "no-system": ("<s>", "</s>", """\
{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('there is no system role') }}{% endif %}
{%- for m in messages %}
{%- if m.content is not string %}{{ raise_exception('only text') }}{% endif %}
<|im_start|>{{ 'model' if m.role == 'assistant' else m.role }}
{{ m.content.strip().split('</think>')[-1] }}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>model
{% endif %}"""),
}

CONVERSATIONS = [
    [("system", "You write C."), ("user", "Correct\n  this:\n\nint a[8];\n")],
    [("user", " What is wrong? "), ("assistant", "  The index.\n"), ("user", "Where?")],
]

MARKERS = [
    "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<s>",
    "</s>", "[INST]", "[/INST]", "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<|system|>", "<|user|>", "<|assistant|>",
    "<|end|>", "<|endoftext|>",
]
# Phi-3's markers of roles take the white space after them.
TAKE_SPACE = {"<|system|>", "<|user|>", "<|assistant|>", "<|end|>"}


def tokenizer():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(m, special=True, normalized=False, rstrip=m in TAKE_SPACE) for m in MARKERS])
    return backend


def main():
    backend = tokenizer()
    cases = []
    for name, (bos, eos, template) in TEMPLATES.items():
        fast = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token=bos, eos_token=eos, chat_template=template)
        for conversation in CONVERSATIONS:
            if name == "no-system" and conversation[0][0] == "system":
                continue
            messages = [{"role": r, "content": c} for r, c in conversation]
            for answer in (True, False):
                options = dict(add_generation_prompt=answer)
                text = fast.apply_chat_template(messages, tokenize=False, **options)
                tokens = fast.apply_chat_template(messages, tokenize=True, return_dict=False, **options)
                cases.append(dict(name=name, messages=messages, answer=answer, text=text, tokens=tokens))
    data = dict(
        transformers=transformers.__version__, tokenizer=json.loads(backend.to_str()),
        templates={n: dict(bos_token=b, eos_token=e, template=t) for n, (b, e, t) in TEMPLATES.items()}, cases=cases,
    )
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n")
    for case in cases:
        print(case["name"], case["answer"], repr(case["text"][-60:]), len(case["tokens"]))


if __name__ == "__main__":
    main()
