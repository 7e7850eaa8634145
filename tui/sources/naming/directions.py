"""Which way a metric improves, by the words of its name.

One table for everybody: the reader that looks for a stand-in where there is no loss, the judge of metrics.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

UP, DOWN = 1, -1

_DOWN = """
loss losses nll ce xent crossentropy bce logloss elbo cost objective mse rmse mae mape smape huber
rmsle l1 l2 ppl perplexity bpb bpc wer cer uer per ter eer fid kid lpips epe chamfer hausdorff brier
ece deviance regret error err errors hamming bits distance fpr fnr acer bitsperbyte bitsperdim
"""
_UP = """
acc accuracy top top1 top5 prec precision recall sensitivity specificity f1 fbeta fscore fmeasure
auc auroc auprc roc ap map map50 map95 mdice ar iou miou dice jaccard kappa mcc r2 corr correlation
pearson spearman pearsonr spearmanr ndcg mrr hit hits bleu sacrebleu chrf rouge rouge1 rouge2 rougel
meteor comet cider spice em exact exactmatch uas las psnr ssim reward rewards rew return returns score
winrate successrate success win wins lift pass margin margins elo fitness
"""
_NEITHER = """
lr learning momentum wd decay norm gnorm gradnorm scale clip kl entropy ratio epsilon eps alpha beta
gamma temp temperature weight weights time eta mem memory speed throughput tok tokens samples fps
ips logits logit std var variance step steps epoch iter loss_d loss_g d g gan actor policy
discriminator generator length len
"""

DIRECTIONS: Mapping[str, int] = {
    **dict.fromkeys(_UP.split(), UP),
    **dict.fromkeys(_DOWN.split(), DOWN),
    **dict.fromkeys(_NEITHER.split(), 0),
}
"""Word of a name to UP, DOWN, or 0 for a quantity that is to go neither way."""

_WORD = re.compile(r"m(?:AP|IoU|Dice)\d*|[A-Z]+\d*(?![a-z])|[A-Z]?[a-z]+\d*")
_JOINED = re.compile(
    r"(?i)(exact|win|success|r|f|top)[ _\-@]?(match|rate|2|1|5)(?![a-z0-9])|(cross)[ _-]?(entropy)"
    r"|(bits)[ _](per)[ _](byte|dim)(?![a-z])"
)

_PER = re.compile(r"(?i)[_ ]per[_ ]|/s(?:ec)?$")
"""A speed, or a count in each of something."""


@lru_cache(4096)
def direction_of(name: str) -> int:
    """UP if more of this metric is better, DOWN if less is, 0 where its words do not say.

    The last word that is known is the head of the name: "lm loss PPL" is a perplexity, "reward_loss" a loss,
    "val/accuracy_std" neither.
    """
    joined = _JOINED.sub(lambda found: "".join(filter(None, found.groups())), name)
    if _PER.search(joined):
        return 0
    words = [word.lower() for word in _WORD.findall(joined)]
    known = [DIRECTIONS.get(word, DIRECTIONS.get(word.rstrip("0123456789"))) for word in words]
    return next((way for way in reversed(known) if way is not None), 0)
