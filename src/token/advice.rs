//! What an operator does when a token source, not the API, is at fault: it goes before the advice
//! of the error's class.

use crate::wechat::class::Bilingual;

/// By the label of the source.
const ADVICE: [(&str, Bilingual); 5] = [
    (
        "file",
        Bilingual {
            en: "Look at the token file of this account: the program that writes it must run, this user must be \
                 able to read it, and it must hold the token alone or JSON with the token at `pointer`.",
            zh: "请检查此账号的 token 文件：写入它的程序须在运行，本用户须可读，内容须只有 token，或为 JSON 且 token 位于 `pointer` 处。",
        },
    ),
    (
        "http",
        Bilingual {
            en: "Look at the central token server of this account: its URL, headers and pointers, and whether it \
                 answers with a token of this app id that has not expired.",
            zh: "请检查此账号的 token 中控服务器：URL、请求头和 pointer 是否正确，返回的 token 是否属于此 AppID 且未过期。",
        },
    ),
    (
        "redis",
        Bilingual {
            en: "Look at the Redis key of this account: the program that keeps the token must run, the key, format \
                 and pointer must be those it uses, and the Redis user must be allowed GET and PTTL.",
            zh: "请检查此账号的 Redis key：维护 token 的程序须在运行，key、format 与 pointer 须与其一致，Redis 用户须有 GET 与 PTTL 权限。",
        },
    ),
    (
        "cloud_hosting",
        Bilingual {
            en: "Look at the open interface service (开放接口服务) in the console of WeChat Cloud Hosting: switch it \
                 on, put /cgi-bin/material/get_materialcount on the allow-list, then publish a new version; for \
                 another account of the same subject set `from_app_id`.",
            zh: "请在微信云托管控制台开启「开放接口服务」，将 /cgi-bin/material/get_materialcount 加入微信令牌权限配置，然后发布新版本；调用同主体的其他账号时请设置 `from_app_id`。",
        },
    ),
    (
        "cloud_file",
        Bilingual {
            en: "Look at the token file that the cloud pushes into this container: cloud calls (云调用) must be \
                 switched on, the path allowed, and a new version published since.",
            zh: "请检查云托管推送到容器内的 token 文件：须开启云调用、允许该路径，并在此之后发布新版本。",
        },
    ),
];

/// The label that reads `source`, if there is advice for it: for what was kept as text.
pub(crate) fn label(source: &str) -> Option<&'static str> {
    ADVICE.iter().map(|(label, _)| *label).find(|label| *label == source)
}

/// What to do about the source of this label, if there is more to say than about the class.
pub(crate) fn advice(source: &str) -> Option<Bilingual> {
    ADVICE.iter().find(|(label, _)| *label == source).map(|(_, advice)| *advice)
}
