// Traditional Chinese for the words of the pages around the chat: they are kept in simplified characters, and turned.
// The chat page itself has words of its own (words-zh-Hant.json).

import { language } from './language.js';

// The characters that differ, and what each becomes where no phrase says otherwise.
const SIMPLIFIED = '万与专业东丢两严个为举么义乐乔习乡书买乱争于亚产亲亿仅从仓仪价众优会传伤体储儿关兴养兽内册写军农决净准减几凭击划则刚创删别剂剧劝办务动劳势区医华协单卖卫厂厅历压厨县参双发变叶号后吗听启员响唤嘱团园围国'
  + '图圆圣场坏块坚声处备复够头奖妇妈娱孙学宝实审宽对寻导寿将尽层属岁币师带帮干并广庆库应废开张强归当录彻态总恳惯愿戏户执扩扫护报拨择挂损换据摄数断无旧时显晓暂术机杂权条来极构柜标栏树样档桥梦检楼横欢气汇汉'
  + '汤没浅测浏润涨温滚满滤灯灵灾点炼烦烧热爱状独猪猫环现电画盐监盖盘着码确礼离种积称稳笔笼简类紧红约级纪纯纳纸纹线练组细织终经结给绝统继绪续维综绿缓编网职联聪脑脚脸艺节苹范荐药获营葱虚虽补装见观规览觉计订'
  + '认讨让训议记讲许设诀证评识诉诊词译试诗诚话询详语误说请读课谁调谈谜谢谱贝负财责败账货质贬购贴贵费资赚赠踪车轨转轮软轻载较辅辆辑输边达迁过运还这进远违连迟迹适选递逻邮邻酱采释里钟钥钱铃银链销锁锅错键镜长'
  + '门闭问闲间阅队阳阴阶际险随隐难静页顶项顺须顾颁预领频题额颠风饭饮饲馆马验骗骤鱼鸟鸡鸭麦黄齐龙';
const TRADITIONAL = '萬與專業東丟兩嚴個為舉麼義樂喬習鄉書買亂爭於亞產親億僅從倉儀價眾優會傳傷體儲兒關興養獸內冊寫軍農決淨準減幾憑擊劃則剛創刪別劑劇勸辦務動勞勢區醫華協單賣衛廠廳歷壓廚縣參雙發變葉號後嗎聽啟員響喚囑團園圍國'
  + '圖圓聖場壞塊堅聲處備複夠頭獎婦媽娛孫學寶實審寬對尋導壽將盡層屬歲幣師帶幫幹並廣慶庫應廢開張強歸當錄徹態總懇慣願戲戶執擴掃護報撥擇掛損換據攝數斷無舊時顯曉暫術機雜權條來極構櫃標欄樹樣檔橋夢檢樓橫歡氣匯漢'
  + '湯沒淺測瀏潤漲溫滾滿濾燈靈災點煉煩燒熱愛狀獨豬貓環現電畫鹽監蓋盤著碼確禮離種積稱穩筆籠簡類緊紅約級紀純納紙紋線練組細織終經結給絕統繼緒續維綜綠緩編網職聯聰腦腳臉藝節蘋範薦藥獲營蔥虛雖補裝見觀規覽覺計訂'
  + '認討讓訓議記講許設訣證評識訴診詞譯試詩誠話詢詳語誤說請讀課誰調談謎謝譜貝負財責敗帳貨質貶購貼貴費資賺贈蹤車軌轉輪軟輕載較輔輛輯輸邊達遷過運還這進遠違連遲跡適選遞邏郵鄰醬採釋裡鐘鑰錢鈴銀鏈銷鎖鍋錯鍵鏡長'
  + '門閉問閒間閱隊陽陰階際險隨隱難靜頁頂項順須顧頒預領頻題額顛風飯飲飼館馬驗騙驟魚鳥雞鴨麥黃齊龍';

// Phrases that are said otherwise, or whose characters do not become what they mostly do.
const PHRASES = [
  '服务器 伺服器|浏览器 瀏覽器|文件夹 資料夾|文件 檔案|打印 列印|局域网 區域網路|网络 網路|联网 連網|内存 記憶體|磁盘 磁碟|数据库 資料庫|数据 資料|程序 程式|默认 預設',
  '屏幕 螢幕|视频 影片|设置 設定|退出登录 登出|登录 登入|日志 日誌|搜索 搜尋|导入 匯入|导出 匯出|连接 連線|窗口 視窗|菜单 選單|软件 軟體|硬件 硬體|二维码 QR 碼',
  '短信 簡訊|恢复 恢復|复习 複習|重复 重複|答复 答覆|回复 回覆|修复 修復|准许 准許|批准 批准|制作 製作|复制 複製|轻松 輕鬆|放松 放鬆|干净 乾淨|饼干 餅乾',
  '万年历 萬年曆|农历 農曆|公历 公曆|阴历 陰曆|阳历 陽曆|黄历 黃曆|日历 日曆|词汇 詞彙|汇总 彙總|划算 划算|干支 干支|若干 若干|老板 老闆|标签 標籤|收获 收穫',
  '公里 公里|里程 里程|千里 千里|同志 同志|头发 頭髮|一只 一隻|每只 每隻|皇后 皇后|系列 系列|反复 反覆|设备 裝置|内置 內建|导入 匯入|打开 開啟|存储 儲存|支持 支援',
  '信息 訊息|智能 智慧|缓存 快取|手机 手機|相机 相機',
].join('|').split('|');

const characters = new Map(Array.from(SIMPLIFIED).map((character, place) => [character, TRADITIONAL[place]]));
const phrases = new Map(PHRASES.map((pair) => [pair.slice(0, pair.indexOf(' ')), pair.slice(pair.indexOf(' ') + 1)]));
const longestFirst = Array.from(phrases.keys()).sort((one, other) => other.length - one.length);
const pattern = new RegExp(longestFirst.join('|') + '|[' + SIMPLIFIED + ']', 'g');

/** Simplified Chinese as it is written in Taiwan. */
export function traditional(text) {
  return text.replace(pattern, (found) => phrases.get(found) || characters.get(found));
}

/** All texts of a text, a list or an object, in traditional characters. */
function turned(texts) {
  if (typeof texts === 'string') return traditional(texts);
  if (Array.isArray(texts)) return texts.map(turned);
  const all = {};
  Object.keys(texts || {}).forEach((key) => {
    all[key] = turned(texts[key]);
  });
  return all;
}

/** Of texts (or lists of them) by language ({zh, en}) the reader's; in traditional characters where that is theirs. */
export function inOwn(texts) {
  const reader = language();
  if (reader === 'en') return texts.en;
  return reader === 'zh-Hant' && texts.zh ? turned(texts.zh) : texts.zh;
}
