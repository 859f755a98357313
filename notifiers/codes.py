"""What Twilio's error codes ask of a sender, as data. Sources: Twilio's error dictionary; K: general knowledge, not seen."""

from __future__ import annotations

from typing import Literal

Act = Literal["retry", "refuse", "alarm"]

#: code -> (what to do, meaning). Whatever is not here is left doubtful and looked up.
CODES: dict[int, tuple[Act, str]] = {
    20429: ("retry", "请求过多，未处理 / too many requests, never processed"),
    21611: ("retry", "队列已满 / queue full"),
    21211: ("refuse", "号码无效 / invalid number"),
    21610: ("refuse", "已退订 / opted out"),
    21614: ("refuse", "不是手机号 / not a mobile number"),
    21408: ("alarm", "地区未开通 / region not enabled"),
    20003: ("alarm", "账号或密钥不对 / authentication failed"),
    21606: ("alarm", "发送方号码不可用 / sender not usable"),
}
#: Error codes of final statuses after which the same text is not sent again (K for 30005).
FINAL = {30003: "关机或无信号", 30005: "空号", 30006: "不可达", 30007: "被过滤", 30008: "不明原因"}
