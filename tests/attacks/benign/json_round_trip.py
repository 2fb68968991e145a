# goal: json both ways
# outcome: accepted
# test: Solution().trip(text='{"a": [1, 2.5, null, true], "b": {"c": "\\u00e9"}}') == ({'a': [1, 2.5, None, True], 'b': {'c': 'é'}}, '{"a":[1,2.5,null,true],"b":{"c":"\\u00e9"}}')
import json


class Solution:
    def trip(self, text):
        data = json.loads(text)
        return data, json.dumps(data, sort_keys=True, separators=(",", ":"))
